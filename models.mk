# `make models`: the shipped models from nothing but a seed, in about an hour of one core. A scout learns from
# the teacher's drives, drives itself, and what it saw is labelled by the teacher: both shipped models learn
# from both sets. Each step is kept in $(MODELS), so that a second call goes on where the first one ended.
MODELS := $(OUT)/models
SIMULATE := $(BIN)/python -m simulator dataset
TRAIN_ONE := $(BIN)/python -m training train --recipe simulated --held-out $(MODELS)/held-out
EXPORT_ONE := $(BIN)/python -m export --formats int8 --forward-weight 5 --held-out $(MODELS)/held-out --out $(MODELS)
SHIPPED := controller/models

.PHONY: models
models: $(MODELS)/default.tflite $(MODELS)/small.tflite ## Make the shipped models anew: data, DAgger, training, export
	cp $(MODELS)/default.tflite $(MODELS)/default.json $(MODELS)/small.tflite $(MODELS)/small.json $(SHIPPED)

$(MODELS)/%/labels.npy: | $(VENV)/.all
	rm -rf $(@D) && $(SIMULATE) $(FRAMES_OF) --out $(@D)

$(MODELS)/held-out/labels.npy: FRAMES_OF = --frames 4000 --seed 900
$(MODELS)/taught/labels.npy: FRAMES_OF = --frames 24000 --seed 11
$(MODELS)/dagger/labels.npy: FRAMES_OF = --frames 36000 --seed 12 --model $(MODELS)/scout.tflite
$(MODELS)/dagger/labels.npy: $(MODELS)/scout.tflite

BOTH := $(MODELS)/taught/labels.npy $(MODELS)/dagger/labels.npy
$(MODELS)/scout/model.keras: $(MODELS)/taught/labels.npy $(MODELS)/held-out/labels.npy
	$(TRAIN_ONE) --network sliced9 --alpha 0.25 --epochs 4 --data $(MODELS)/taught --out $(@D)
$(MODELS)/small/model.keras: $(BOTH)
	$(TRAIN_ONE) --network sliced9 --alpha 0.25 --epochs 6 --data $(MODELS)/taught --data $(MODELS)/dagger --out $(@D)
$(MODELS)/default/model.keras: $(BOTH)
	$(TRAIN_ONE) --network sliced11 --alpha 0.5 --epochs 4 --data $(MODELS)/taught --data $(MODELS)/dagger --out $(@D)

$(MODELS)/%.tflite: $(MODELS)/%/model.keras
	$(EXPORT_ONE) $(@D)/$* --name $* --calibration $(MODELS)/taught || test $$? -eq 1

# SAMPLE=sample_data.npy: the default model fine-tuned on half of some real labelled frames, judged on the other half.
.PHONY: fine-tune
fine-tune: | $(VENV)/.all ## Fine-tune on half of SAMPLE=sample_data.npy, judge on the other half, and the other way round
	$(BIN)/python -m simulator reference $(SAMPLE) --halves $(MODELS)/halves
	for half in "even odd" "odd even"; do set -- $$half; rm -rf $(MODELS)/tuned-$$1; \
	  $(BIN)/python -m training train --recipe simulated --network sliced11 --alpha 0.5 --weights $(MODELS)/default/model.keras \
	  --learning-rate 0.0002 --epochs 15 --batch 8 --data $(MODELS)/halves/$$1_data.npy --held-out $(MODELS)/halves/$$2_data.npy \
	  --out $(MODELS)/tuned-$$1 || exit; done
