# `make models`: the shipped models from nothing but seeds, in about an hour of one core. A scout learns from the
# teacher's drives and drives itself; what it saw is labelled by the teacher. A pupil learns from both and does the
# same, then a senior, once more on floors nearly as light as the paper, and the shipped models learn from all sets.
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
$(MODELS)/scouted/labels.npy: FRAMES_OF = $(MANY) --frames 50000 --seed 12 --model $(MODELS)/scout.tflite
$(MODELS)/scouted/labels.npy: $(MODELS)/scout.tflite
$(MODELS)/practised/labels.npy: FRAMES_OF = $(MANY) --frames 30000 --seed 13 --model $(MODELS)/pupil.tflite
$(MODELS)/practised/labels.npy: $(MODELS)/pupil.tflite
$(MODELS)/rehearsed/labels.npy: FRAMES_OF = $(MANY) --frames 20000 --seed 14 --model $(MODELS)/senior.tflite
$(MODELS)/rehearsed/labels.npy: $(MODELS)/senior.tflite
$(MODELS)/pale/labels.npy: FRAMES_OF = $(MANY) --frames 20000 --seed 15 --model $(MODELS)/senior.tflite --pale-share 1
$(MODELS)/pale/labels.npy: $(MODELS)/senior.tflite

SMALL_NET := --network sliced9 --alpha 0.25
DEFAULT_NET := --network sliced11 --alpha 0.5
TAUGHT := --data $(MODELS)/taught
SCOUTED := $(TAUGHT) --data $(MODELS)/scouted
PRACTISED := $(SCOUTED) --data $(MODELS)/practised
ALL := $(PRACTISED) --data $(MODELS)/rehearsed --data $(MODELS)/pale
$(MODELS)/scout/model.keras: $(MODELS)/taught/labels.npy $(MODELS)/held-out/labels.npy
	$(TRAIN_ONE) $(SMALL_NET) --epochs 4 $(TAUGHT) --out $(@D)
$(MODELS)/pupil/model.keras: $(MODELS)/scouted/labels.npy
	$(TRAIN_ONE) $(SMALL_NET) --epochs 3 --weights $(MODELS)/scout/model.keras $(SCOUTED) --out $(@D)
$(MODELS)/senior/model.keras: $(MODELS)/practised/labels.npy
	$(TRAIN_ONE) $(DEFAULT_NET) --epochs 3 $(PRACTISED) --out $(@D)
$(MODELS)/small/model.keras: $(MODELS)/rehearsed/labels.npy $(MODELS)/pale/labels.npy
	$(TRAIN_ONE) $(SMALL_NET) --epochs 3 --weights $(MODELS)/pupil/model.keras $(ALL) --out $(@D)
$(MODELS)/default/model.keras: $(MODELS)/rehearsed/labels.npy $(MODELS)/pale/labels.npy
	$(TRAIN_ONE) $(DEFAULT_NET) --epochs 2 --weights $(MODELS)/senior/model.keras $(ALL) --out $(@D)

WEIGHT_scout := 5
WEIGHT_pupil := 5
WEIGHT_senior := 2.5
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
