# `make models`: the shipped models from nothing but seeds, in about an hour of one core, by DAgger (Ross 2011): the
# teacher's drives teach a first network; in three rounds the newest one drives, the teacher labels what it met, and the
# next learns from all sets so far. The third is driven once more on floors nearly as light as the paper.
# Each step is kept in $(MODELS), so that a second call goes on where the first one ended.
MODELS := $(OUT)/models
SIMULATE := $(BIN)/python -m simulator dataset
TRAIN_ONE := $(BIN)/python -m training train --recipe simulated --held-out $(MODELS)/held-out
EXPORT_ONE := $(BIN)/python -m export --formats int8 --held-out $(MODELS)/held-out --out $(MODELS)
SHIPPED := controller/model/models

.PHONY: models
models: $(MODELS)/default.tflite $(MODELS)/small.tflite ## Make the shipped models anew: data, DAgger, training, export
	cp $(MODELS)/default.tflite $(MODELS)/default.json $(MODELS)/small.tflite $(MODELS)/small.json $(SHIPPED)

$(MODELS)/%/labels.npy: | $(VENV)/.all
	rm -rf $(@D) && $(SIMULATE) $(FRAMES_OF) --out $(@D)

# 50 frames of each drive: another track, room, camera and car for each; sheets missing on every third track.
MANY := --per-drive 50 --gap-share 0.35
$(MODELS)/held-out/labels.npy: FRAMES_OF = --frames 4000 --seed 900
$(MODELS)/taught/labels.npy: FRAMES_OF = $(MANY) --frames 50000 --seed 11
$(MODELS)/round1/labels.npy: FRAMES_OF = $(MANY) --frames 50000 --seed 12 --model $(MODELS)/dagger1.tflite
$(MODELS)/round1/labels.npy: $(MODELS)/dagger1.tflite
$(MODELS)/round2/labels.npy: FRAMES_OF = $(MANY) --frames 30000 --seed 13 --model $(MODELS)/dagger2.tflite
$(MODELS)/round2/labels.npy: $(MODELS)/dagger2.tflite
$(MODELS)/round3/labels.npy: FRAMES_OF = $(MANY) --frames 20000 --seed 14 --model $(MODELS)/dagger3.tflite
$(MODELS)/round3/labels.npy: $(MODELS)/dagger3.tflite
$(MODELS)/pale/labels.npy: FRAMES_OF = $(MANY) --frames 20000 --seed 15 --model $(MODELS)/dagger3.tflite --pale-share 1
$(MODELS)/pale/labels.npy: $(MODELS)/dagger3.tflite

SMALL_NET := --network sliced9 --alpha 0.25
DEFAULT_NET := --network sliced11 --alpha 0.5
TAUGHT := --data $(MODELS)/taught
ROUND1 := $(TAUGHT) --data $(MODELS)/round1
ROUND2 := $(ROUND1) --data $(MODELS)/round2
ALL := $(ROUND2) --data $(MODELS)/round3 --data $(MODELS)/pale
$(MODELS)/dagger1/model.keras: $(MODELS)/taught/labels.npy $(MODELS)/held-out/labels.npy
	$(TRAIN_ONE) $(SMALL_NET) --epochs 4 $(TAUGHT) --out $(@D)
$(MODELS)/dagger2/model.keras: $(MODELS)/round1/labels.npy
	$(TRAIN_ONE) $(SMALL_NET) --epochs 3 --weights $(MODELS)/dagger1/model.keras $(ROUND1) --out $(@D)
$(MODELS)/dagger3/model.keras: $(MODELS)/round2/labels.npy
	$(TRAIN_ONE) $(DEFAULT_NET) --epochs 3 $(ROUND2) --out $(@D)
$(MODELS)/small/model.keras: $(MODELS)/round3/labels.npy $(MODELS)/pale/labels.npy
	$(TRAIN_ONE) $(SMALL_NET) --epochs 3 --weights $(MODELS)/dagger2/model.keras $(ALL) --out $(@D)
$(MODELS)/default/model.keras: $(MODELS)/round3/labels.npy $(MODELS)/pale/labels.npy
	$(TRAIN_ONE) $(DEFAULT_NET) --epochs 2 --weights $(MODELS)/dagger3/model.keras $(ALL) --out $(@D)

WEIGHT_dagger1 := 5
WEIGHT_dagger2 := 5
WEIGHT_dagger3 := 2.5
WEIGHT_small := 2.5
WEIGHT_default := 3.5
$(MODELS)/%.tflite: $(MODELS)/%/model.keras
	$(EXPORT_ONE) $(@D)/$* --name $* --forward-weight $(WEIGHT_$*) --calibration $(MODELS)/taught || test $$? -eq 1

# SAMPLE=sample_data.npy: the default model fine-tuned on half of some real labelled frames, judged on the other half.
.PHONY: fine-tune
fine-tune: | $(VENV)/.all ## Fine-tune on half of SAMPLE=sample_data.npy, judge on the other half, and the other way round
	$(BIN)/python -m simulator reference $(SAMPLE) --halves $(MODELS)/halves
	for half in "even odd" "odd even"; do set -- $$half; rm -rf $(MODELS)/tuned-$$1; \
	  $(BIN)/python -m training train --recipe simulated --network sliced11 --alpha 0.5 --weights $(MODELS)/default/model.keras \
	  --learning-rate 0.0002 --epochs 15 --batch 8 --data $(MODELS)/halves/$$1_data.npy --held-out $(MODELS)/halves/$$2_data.npy \
	  --out $(MODELS)/tuned-$$1 || exit; done
